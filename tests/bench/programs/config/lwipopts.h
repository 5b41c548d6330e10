/* lwIP as a router with a TCP host in it. */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define IP_FORWARD 1
#define LWIP_ARP 1
#define ETHARP_SUPPORT_STATIC_ENTRIES 1
#define ARP_TABLE_SIZE 64
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define MEM_ALIGNMENT 4
#define MEM_SIZE (256 * 1024)
#define MEMP_NUM_PBUF 64
#define MEMP_NUM_TCP_SEG 64
#define PBUF_POOL_SIZE 64
#define TCP_MSS 1460
#define TCP_WND (8 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 32
#define LWIP_CHKSUM_ALGORITHM 2
#define LWIP_HOOK_FILENAME "lwip_route.h"
#define LWIP_HOOK_IP4_ROUTE_SRC(src, dest) route_of(dest)
#define LWIP_HOOK_ETHARP_GET_GW(netif, dest) gateway_of(netif, dest)
