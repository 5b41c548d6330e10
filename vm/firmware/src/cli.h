#ifndef CLI_H
#define CLI_H
#include "lib.h"
#include "net.h"

struct cmd;
enum mode { MODE_USER, MODE_PRIV, MODE_CONFIG, MODE_IF, MODE_LINE, MODE_VC };
#define M_USER (1u << MODE_USER)
#define M_PRIV (1u << MODE_PRIV)
#define M_EXEC (M_USER | M_PRIV)
#define M_CONFIG (1u << MODE_CONFIG)
#define M_IF (1u << MODE_IF)
#define M_LINE (1u << MODE_LINE)
#define M_VC (1u << MODE_VC)

enum token { T_KEYWORD, T_IP, T_NUM, T_WORD, T_LINE, T_IFACE, T_MAC, T_HEX, T_VC, T_NAME };

struct node {
	const char *kw, *help;
	enum token type;
	u32 lo, hi;
	u32 modes, run_modes;
	struct node *child, *next, *loop;
	void (*run)(struct cmd *);
	int tag;
};

/* One matched word. */
struct match {
	const struct node *node;
	const char *text;         /* as typed; the rest of the line for T_LINE */
	u32 num;                  /* number or address; of a circuit: VPI << 16 | VCI */
	struct iface *ifp;
	u8 mac[6];
};

#define MAX_WORDS 24
struct cmd {
	struct match m[MAX_WORDS];
	int n;
	int neg;                  /* began with "no" */
	int tag;
	const char *line;         /* whole line, trimmed */
};

/* The nth parameter (not keyword) of the command, or NULL. */
const struct match *cmd_param(const struct cmd *c, int n);
/* Whether the keyword was given; the parameter after it. */
int cmd_has(const struct cmd *c, const char *kw);
const struct match *cmd_after(const struct cmd *c, const char *kw);

/* Pattern: words separated by ';', each "keyword=help" or a parameter:
 * "%ip" "%num:LO:HI" "%word" "%line" "%if" "%mac" "%hex" "%vc" "%name", with "=help".
 * "^" marks a place and a last word "*" goes back to it, so that the options
 * between them can be given several times and in any order. */
void cmd_register(u32 modes, void (*run)(struct cmd *), int tag, const char *pattern);

extern enum mode cli_mode;
extern struct iface *cli_iface;
extern struct atm_vc *cli_vc;            /* in MODE_VC; of cli_iface */
extern char hostname[64];
extern int config_modified;
extern int cli_from_nvram;
extern int config_booting;               /* the startup configuration is being read */

void cli_main(void);
void cli_redraw(void);
int cli_editing(void);                   /* a line is being typed */
void cli_set_mode(enum mode m);
/* Runs one line; 0 when it was refused (and said so). */
int cli_execute(const char *line);
int cli_execute_do(const char *rest);
void cli_end_config(void);
void cli_logout(void);
/* Reads a line with its own prompt; 0 when it was abandoned. */
int cli_ask(const char *prompt, char *d, size_t size, int echo);
/* True when the user asked for an interruption (Ctrl-^, Ctrl-C). */
int cli_interrupted(void);
void cli_show_history(void);

void exec_init(void);
void show_init(void);
void config_init(void);

/* config.c */
void config_write(void);                 /* running-config, through cprintf */
void config_write_interface(struct iface *ifp);
void config_load(void);                  /* startup-config at boot */
int config_save(void);
extern char enable_password[64];
extern char enable_secret[64];           /* "$1$…"; goes before the password */
/* The next line of the configuration that is being read; 0 at its end. */
int config_next_line(char *d, size_t size);
extern int console_level;
extern char banner_motd[512];

/* nvram.c */
int nvram_valid(void);
/* Startup-config into d; its length, 0 when there is none, -1 when it cannot
 * be read. */
int nvram_read_config(char *d, u32 size);
int nvram_write_config(const char *d, u32 len);
int nvram_erase(void);
u32 nvram_config_space(void);

#endif
