/* TinyCC on an unknown host, for the i386. */
#define TCC_VERSION "0.9.27"
#define CONFIG_TCC_STATIC 1
#define CONFIG_TCCDIR "/"
