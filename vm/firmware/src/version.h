#ifndef VERSION_H
#define VERSION_H

/* The same text is firmware.Version on the emulator's side. */
#define FIRMWARE_VERSION "1.0"

#endif
