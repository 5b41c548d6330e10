#ifndef MD5_H
#define MD5_H
#include "types.h"

/* Writes "$1$salt$hash" (at most 35 characters and the end) to out; salt has
 * at most eight characters. */
void md5_crypt(const char *password, const char *salt, u32 saltlen, char *out);
int md5_crypt_matches(const char *password, const char *hash);

#endif
