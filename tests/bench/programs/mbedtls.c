/* Mbed TLS: what a VPN router does: key exchange, then ciphers over packets. */
#include <mbedtls/aes.h>
#include <mbedtls/bignum.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/des.h>
#include <mbedtls/dhm.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <string.h>

#include "program.h"

#define PACKET 1408

static uint32_t sum;
static unsigned char packet[PACKET], out[PACKET], tag[32];

static void check(int err, const char *what)
{
    if (err)
        fail(what, err);
}

static int random_bytes(void *state, unsigned char *p, size_t n)
{
    while (n--)
        *p++ = (unsigned char)(random32() >> 8);
    return 0;
}

static void fill(void)
{
    random_bytes(0, packet, 64);
    memset(packet + 64, packet[5], PACKET - 64);
}

static void note(const void *p, size_t n) { sum = checksum(sum, p, n); }

/* Diffie and Hellman with 2048 bits, one side. */
static void exchange(void)
{
    static const unsigned char prime[] = MBEDTLS_DHM_RFC3526_MODP_2048_P_BIN;
    mbedtls_mpi p, g, x, y;
    unsigned char secret[32], result[256];

    mbedtls_mpi_init(&p);
    mbedtls_mpi_init(&g);
    mbedtls_mpi_init(&x);
    mbedtls_mpi_init(&y);
    random_bytes(0, secret, sizeof secret);
    check(mbedtls_mpi_read_binary(&p, prime, sizeof prime), "mpi_read_binary");
    check(mbedtls_mpi_lset(&g, 2), "mpi_lset");
    check(mbedtls_mpi_read_binary(&x, secret, sizeof secret), "mpi_read_binary");
    check(mbedtls_mpi_exp_mod(&y, &g, &x, &p, 0), "mpi_exp_mod");
    check(mbedtls_mpi_write_binary(&y, result, sizeof result), "mpi_write_binary");
    note(result, sizeof result);
    mbedtls_mpi_free(&p);
    mbedtls_mpi_free(&g);
    mbedtls_mpi_free(&x);
    mbedtls_mpi_free(&y);
}

static void elliptic(void)
{
    mbedtls_ecp_group group;
    mbedtls_mpi d;
    mbedtls_ecp_point q;
    unsigned char point[65];
    size_t n;

    mbedtls_ecp_group_init(&group);
    mbedtls_mpi_init(&d);
    mbedtls_ecp_point_init(&q);
    check(mbedtls_ecp_group_load(&group, MBEDTLS_ECP_DP_SECP256R1), "ecp_group_load");
    check(mbedtls_ecdh_gen_public(&group, &d, &q, random_bytes, 0), "ecdh_gen_public");
    check(mbedtls_ecp_point_write_binary(&group, &q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n, point, sizeof point), "ecp_point_write_binary");
    note(point, n);
    mbedtls_ecp_group_free(&group);
    mbedtls_mpi_free(&d);
    mbedtls_ecp_point_free(&q);
}

uint32_t work(unsigned turn)
{
    unsigned char key[32], iv[16];
    mbedtls_aes_context aes;
    mbedtls_des3_context des;
    mbedtls_gcm_context gcm;
    mbedtls_chachapoly_context chacha;
    int i;

    random_seed(turn + 19);
    sum = CHECKSUM;
    exchange();
    elliptic();
    random_bytes(0, key, sizeof key);
    mbedtls_aes_init(&aes);
    mbedtls_des3_init(&des);
    mbedtls_gcm_init(&gcm);
    mbedtls_chachapoly_init(&chacha);
    check(mbedtls_aes_setkey_enc(&aes, key, 256), "aes_setkey_enc");
    check(mbedtls_des3_set3key_enc(&des, key), "des3_set3key_enc");
    check(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 128), "gcm_setkey");
    check(mbedtls_chachapoly_setkey(&chacha, key), "chachapoly_setkey");
    for (i = 0; i < 40; i++) {
        fill();
        random_bytes(0, iv, sizeof iv);
        check(mbedtls_aes_crypt_cbc(&aes, MBEDTLS_AES_ENCRYPT, PACKET, iv, packet, out), "aes_crypt_cbc");
        check(mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key, 32, out, PACKET, tag), "md_hmac");
        note(tag, 32);
        check(mbedtls_des3_crypt_cbc(&des, MBEDTLS_DES_ENCRYPT, PACKET, iv, packet, out), "des3_crypt_cbc");
        check(mbedtls_md_hmac(mbedtls_md_info_from_type(i & 1 ? MBEDTLS_MD_SHA1 : MBEDTLS_MD_MD5), key, 16, out, PACKET, tag), "md_hmac");
        note(tag, 16);
        check(mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, PACKET, iv, 12, key, 8, packet, out, 16, tag), "gcm_crypt_and_tag");
        note(tag, 16);
        check(mbedtls_chachapoly_encrypt_and_tag(&chacha, PACKET, iv, key, 8, packet, out, tag), "chachapoly_encrypt_and_tag");
        note(tag, 16);
    }
    mbedtls_aes_free(&aes);
    mbedtls_des3_free(&des);
    mbedtls_gcm_free(&gcm);
    mbedtls_chachapoly_free(&chacha);
    return sum;
}
