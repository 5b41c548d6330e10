/* The routing table, in ../lwip.c. */
#ifndef LWIP_ROUTE_H
#define LWIP_ROUTE_H
#include "lwip/ip4_addr.h"
struct netif;
struct netif *route_of(const ip4_addr_t *dest);
const ip4_addr_t *gateway_of(struct netif *netif, const ip4_addr_t *dest);
#endif
