#ifndef NET_H
#define NET_H
#include "types.h"
#include "board.h"
#include "sched.h"

/* Packet buffers. Two sizes: one frame, and the largest datagram that the
 * router itself sends or reassembles. */
#define PKT_HEADROOM 64u
#define PKT_SMALL 2176u       /* headroom, and the 2048 bytes that some chips may fill */
#define PKT_HUGE 20480u

struct iface;
struct pkt {
	u8 *data;
	u32 len;
	struct iface *in;
	struct pkt *next;
	u8 *buf;
	u32 size;
	u8 link_broadcast;     /* arrived as a link-level broadcast */
	u8 multicast;          /* … or multicast */
	u16 circuit;           /* Frame Relay: DLCI on which it arrived; ATM: number of the PVC */
	u8 cell;               /* ATM: the payload of one cell, of this payload type; 0: a packet */
};

void pkt_init(void);
struct pkt *pkt_alloc(u32 len);   /* room for len bytes after the headroom */
void pkt_free(struct pkt *p);
u8 *pkt_push(struct pkt *p, u32 n);   /* prepends n bytes */
int pkt_pull(struct pkt *p, u32 n);   /* drops n bytes; 0 when shorter */
struct pkt *pkt_copy(const struct pkt *p);
void *boot_alloc(u32 size, u32 align); /* never freed */
/* Memory of the card in a slot, freed all together. */
void *card_alloc(int slot, u32 size, u32 align);
void card_free(int slot);
u32 boot_alloc_used(void);
u32 pkt_free_count(int huge);
u32 pkt_total(int huge);

/* Ports: what drivers provide. */
struct netport;
struct port_ops {
	const char *hardware;                        /* "show interfaces" */
	void (*start)(struct netport *);
	void (*stop)(struct netport *);
	/* Everything handed over has been sent. */
	int (*drained)(struct netport *);
	/* Takes the packet over; 0 when the ring is full (packet not taken). */
	int (*send)(struct netport *, struct pkt *);
	/* Whether there is one; no also when it was lost since the last call. */
	int (*carrier)(struct netport *);
	void (*second)(struct netport *);            /* called once a second while it runs; or NULL */
	void (*set_clock)(struct netport *, u32 bps); /* 0: the default */
	void (*set_mac)(struct netport *);
	void (*show)(struct netport *);
	/* ATM: circuit n (below ATM_MAX_VC), while the port runs; 0 when there is
	 * no room for it. What is queued on a circuit that closes is lost. */
	int (*vc_open)(struct netport *, u32 n, u32 vpi, u32 vci);
	void (*vc_close)(struct netport *, u32 n);
};

/* ATM circuits of a port, and their numbers. */
#define ATM_MAX_VC 64u
#define ATM_MAX_VPI 255u
#define ATM_MAX_VCI 1023u

struct netport {
	const struct port_ops *ops;
	void *chip;
	u32 unit;
	struct iface *ifp;
	int running;
};

/* Chips: interrupt and service entry. */
struct netchip {
	void (*interrupt)(struct netchip *);   /* quiet the chip; interrupt context */
	int (*service)(struct netchip *);      /* foreground; nonzero: more to do */
	const struct net_irq *irq;
	u32 irq_bit;
	volatile u32 events;
	struct netchip *next;
};

void netchip_register(struct netchip *c, u32 slot, u32 irq_port);
void netchip_unregister(u32 slot);         /* all of a slot's */
void netdev_interrupt(void);
void netdev_service(void);

enum if_kind { IF_ETHERNET, IF_SERIAL, IF_ATM, IF_LOOPBACK, IF_NULL };
enum line_state { LINE_ADMIN_DOWN, LINE_DOWN, LINE_UP };
enum encap { ENCAP_ARPA, ENCAP_HDLC, ENCAP_PPP, ENCAP_FR, ENCAP_ATM, ENCAP_LOOPBACK };

struct if_counters {
	u64 in_bytes, out_bytes;
	u32 in_packets, out_packets, in_broadcasts;
	u32 in_errors, giants, runts, crc, overrun, abort, ignored;
	u32 in_drops, out_drops, out_errors, unknown_proto, no_buffer;
	u32 encap_failed, resets, transitions;
};

struct if_rate {
	u64 last_bytes;
	u32 last_packets;
	u32 bps, pps;       /* five-minute exponential average */
};

struct ppp;
struct fr;
struct atm;

struct iface {
	enum if_kind kind;
	const char *type;           /* the name without its numbers */
	char name[24];
	u8 slot, unit;
	u32 speed;                  /* nominal, kb/s */
	u32 number;                 /* of a loopback */
	struct netport *port;
	struct iface *next;

	u8 mac[6], burned_mac[6];
	u32 ip, mask;               /* ip 0: unassigned */
	u8 from_nvram;
	u8 boot_up;                 /* to be started once startup-config is read */
	u32 mtu, ip_mtu;
	u32 bandwidth;              /* kb/s; 0: default */
	u32 clock_rate;
	char description[241];
	u8 shutdown;
	u8 no_cdp, mac_set, no_keepalive, no_unreachables, proxy_arp_off;
	u32 keepalive;              /* seconds */
	enum encap encap;
	u32 delay;                  /* tens of microseconds; 0: default */

	u8 link, proto;             /* 1 up */
	enum line_state reported;
	u32 started_at;             /* time_ms of the last "no shutdown" */
	struct if_counters c;
	u32 last_in, last_out;      /* uptime seconds + 1; 0 never */
	struct if_rate in_rate, out_rate;
	u32 cleared_at;

	/* HDLC keepalives. */
	struct timer ka_timer;
	u32 my_seq, my_seen, peer_seq, ka_missed, ka_last_reply;
	u8 ka_looped;

	struct ppp *ppp;
	struct fr *fr;
	struct atm *atm;
};

extern struct iface *iface_list;
/* type is the name before the numbers, speed its nominal one in kb/s. */
struct iface *iface_add(enum if_kind kind, const char *type, u32 speed, u32 slot, u32 unit, struct netport *port);
struct iface *iface_loopback(u32 number, int create);
void iface_delete(struct iface *ifp);
/* Takes the interface's port away with its card; the configuration stays for
 * the day that iface_add is called for the same interface again. */
void iface_detach(struct iface *ifp);
struct iface *iface_by_ip(u32 ip);
const char *iface_short_type(const struct iface *ifp);
void iface_set_shutdown(struct iface *ifp, int shutdown);
void iface_set_encap(struct iface *ifp, enum encap e);
void iface_set_ip(struct iface *ifp, u32 ip, u32 mask);
void iface_set_proto(struct iface *ifp, int up);
void iface_poll_init(void);
void iface_poll_carriers(void);
u32 iface_bandwidth(const struct iface *ifp);
u32 iface_mtu_ip(const struct iface *ifp);
u32 iface_default_mtu(const struct iface *ifp);
void iface_restart_line(struct iface *ifp);
void iface_clear_counters(struct iface *ifp);
int iface_ready(const struct iface *ifp);  /* carries IP now */

/* Link layers. */
void link_input(struct iface *ifp, struct pkt *p);         /* from drivers */
void link_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p);
void link_send_raw(struct iface *ifp, struct pkt *p);      /* complete frame */

void ether_input(struct iface *ifp, struct pkt *p);
void ether_send(struct iface *ifp, const u8 *dst, u16 type, struct pkt *p);
void arp_input(struct iface *ifp, struct pkt *p);
void arp_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p);
void arp_show(const struct iface *only);
void arp_flush(struct iface *ifp);
int arp_static(u32 ip, const u8 *mac, int remove);
void arp_write_config(void);
void arp_init(void);
void arp_announce(struct iface *ifp);

void hdlc_start(struct iface *ifp);
void hdlc_stop(struct iface *ifp);
void hdlc_input(struct iface *ifp, struct pkt *p);
void hdlc_output_ip(struct iface *ifp, struct pkt *p);

void ppp_start(struct iface *ifp);
void ppp_stop(struct iface *ifp);
void ppp_input(struct iface *ifp, struct pkt *p);
void ppp_output_ip(struct iface *ifp, struct pkt *p);
void ppp_show(struct iface *ifp);
u32 ppp_peer(const struct iface *ifp);
int ppp_ip_open(const struct iface *ifp);
void ppp_ip_changed(struct iface *ifp);

void fr_start(struct iface *ifp);
void fr_stop(struct iface *ifp);
void fr_input(struct iface *ifp, struct pkt *p);
void fr_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p);
void fr_show_interface(struct iface *ifp);
void fr_show_map(void);
void fr_show_pvc(void);
void fr_show_lmi(void);
void fr_write_config(struct iface *ifp);
void fr_clear_inarp(void);
enum fr_lmi { FR_LMI_AUTO, FR_LMI_ANSI, FR_LMI_Q933A, FR_LMI_CISCO };
void fr_set_lmi(struct iface *ifp, enum fr_lmi type);
void fr_set_dce(struct iface *ifp, int dce);
void fr_set_ietf(struct iface *ifp, int ietf);
int fr_set_map(struct iface *ifp, u32 ip, u32 dlci, int broadcast, int ietf);
int fr_del_map(struct iface *ifp, u32 ip);
int fr_set_dlci(struct iface *ifp, u32 dlci, int remove);
void fr_set_inarp(struct iface *ifp, int on);

struct atm_vc;
void atm_start(struct iface *ifp);
void atm_stop(struct iface *ifp);
void atm_input(struct iface *ifp, struct pkt *p);
void atm_output_ip(struct iface *ifp, u32 nexthop, struct pkt *p);
void atm_send_frame(struct iface *ifp, struct pkt *p);  /* an Ethernet frame */
int atm_bridged(const struct iface *ifp);               /* IP goes in Ethernet frames */
void atm_set_bridged(struct iface *ifp, int on);
void atm_ip_changed(struct iface *ifp);
struct atm_vc *atm_vc_get(struct iface *ifp, u32 vpi, u32 vci, int create);
void atm_vc_remove(struct iface *ifp, struct atm_vc *v);
void atm_vc_set_name(struct atm_vc *v, const char *name);
enum atm_encap { ATM_SNAP, ATM_MUX_IP };
void atm_vc_set_encap(struct iface *ifp, struct atm_vc *v, enum atm_encap e);
void atm_vc_set_broadcast(struct atm_vc *v, int on);
void atm_vc_set_inarp(struct iface *ifp, struct atm_vc *v, int on);
int atm_vc_set_map(struct iface *ifp, struct atm_vc *v, u32 ip, int broadcast);
int atm_vc_del_map(struct iface *ifp, struct atm_vc *v, u32 ip);
/* Calls fn before each circuit's end, to write what it kept. */
void atm_write_config(struct iface *ifp, void (*fn)(const struct atm_vc *));
void atm_clear_inarp(void);
void atm_show_interface(struct iface *ifp);
void atm_show_pvc(int one, u32 vpi, u32 vci);
void atm_show_map(void);

/* IP. */
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IP_HDR 20u

struct ip_stats {
	u32 received, hdr_errors, checksum_errors, truncated, delivered, bad_option;
	u32 forwarded, no_route, no_ttl, fragmented, fragments_made, cannot_fragment;
	u32 reassembled, reassembly_timeout, reassembly_failed, sent, no_proto, encap_failed, martian;
	u32 icmp_in, icmp_echo_in, icmp_echo_reply_in, icmp_unreach_in, icmp_ttl_in, icmp_bad;
	u32 icmp_out, icmp_echo_out, icmp_echo_reply_out, icmp_unreach_out, icmp_ttl_out, icmp_redirect_in;
	u32 udp_in, udp_no_port, udp_bad, tcp_in, tcp_rst_out;
};
extern struct ip_stats ip_stats;

const char *ip_str(u32 ip);
int ip_parse(const char *s, u32 *ip);
int mask_len(u32 mask);         /* -1 when not contiguous */
u32 len_mask(u32 len);
u16 ip_checksum(const void *data, u32 len, u32 seed);
void ip_input(struct iface *ifp, struct pkt *p);
/* Sends a datagram of ours; p holds the payload. src 0 picks the address of
 * the outgoing interface. Returns 0 when there is no route. */
struct ip_tx {
	u32 src, dst;
	u8 proto, ttl, tos, df;
};
int ip_output(const struct ip_tx *tx, struct pkt *p);
int ip_is_local(u32 ip, const struct iface *in);
void ip_forward_packet(struct iface *out, u32 nexthop, struct pkt *p);
void ip_init(void);
extern int ip_routing;

enum { ICMP_UNREACH_NET = 0, ICMP_UNREACH_HOST = 1, ICMP_UNREACH_PROTO = 2, ICMP_UNREACH_PORT = 3, ICMP_UNREACH_FRAG = 4 };
void icmp_input(struct iface *ifp, struct pkt *p, u32 src, u32 dst, u32 ttl);
void icmp_unreachable(struct pkt *orig, u32 code, u32 mtu);
void icmp_time_exceeded(struct pkt *orig, u32 code);
int icmp_send_echo(u32 src, u32 dst, u16 id, u16 seq, u32 size, int df, u32 ttl, u32 pattern, u32 tos);

void udp_input(struct iface *ifp, struct pkt *p, u32 ihl, u32 src, u32 dst);
void tcp_input(struct iface *ifp, struct pkt *p, u32 ihl, u32 src, u32 dst);
int udp_send_probe(u32 src, u32 dst, u16 sport, u16 dport, u32 ttl);

/* Called by icmp.c with every answer to an echo or probe of ours. */
enum reply_kind { REPLY_ECHO, REPLY_UNREACH, REPLY_TTL, REPLY_QUENCH };
void probe_reply(enum reply_kind kind, u32 from, u32 code, u16 id, u16 seq, u32 quoted_dst, u16 quoted_dport);

/* Routes. */
struct route {
	u32 prefix;
	u8 len, distance;
	char code;              /* C connected, S static */
	u8 host_peer;           /* connected host route of a PPP peer */
	u32 nexthop;            /* 0: attached */
	struct iface *ifp;      /* NULL: recursive */
};
#define MAX_ROUTES 512
struct static_route {
	u32 prefix, mask, nexthop;
	char ifname[24];
	u8 distance;
};
void route_rebuild(void);
/* Outgoing interface and next hop, or NULL. */
struct iface *route_lookup(u32 dst, u32 *nexthop, const struct route **rt);
int route_static(const struct static_route *r, int remove);
void route_show(int argc, u32 addr);
void route_write_config(void);
struct iface *iface_by_name(const char *name);

/* probe.c */
struct ping_args {
	u32 dst, src, count, size, timeout, df, pattern, tos, verbose;
	u32 sweep_min, sweep_max, sweep_step, validate;
};
void ping_run(const struct ping_args *a);
void traceroute_run(u32 dst, u32 src, u32 probes, u32 timeout, u32 min_ttl, u32 max_ttl, u16 port, int numeric);

/* cards.c */
struct card_info {
	u8 present;
	const char *name;
	const char *long_name;
	u8 eeprom[128];
};
extern struct card_info cards[MAX_SLOTS];
void cards_init(void);
/* Notes that something moved in these bays (bit n: bay n); interrupt context. */
void cards_event(u32 bays);
void cards_service(void);   /* foreground */
void cards_hold(int on);    /* no card comes or goes meanwhile */

/* pci.c */
struct pci_func {
	u8 root, bus, dev, fn;
	u32 id, class_rev;
	struct pci_path path;
	int slot;
	u32 bar, bar2;          /* physical, assigned; the second of chips with two windows */
};
#define MAX_PCI 48
extern struct pci_func pci_funcs[MAX_PCI];
extern u32 pci_count;
void pci_scan(void);
void pci_scan_slot(u32 slot);   /* a card that came */
void pci_forget_slot(u32 slot); /* one that went */
u32 pci_read(const struct pci_func *f, u32 reg);
void pci_write(const struct pci_func *f, u32 reg, u32 v);
void pci_show(void);

struct netport *dec21140_attach(struct pci_func *f, u32 irq_port);
struct netport *am79c971_attach(struct pci_func *f, u32 irq_port);
/* The bridges of the receive ring, the transmit ring and the framer. */
struct netport *pos_attach(struct pci_func *rx, struct pci_func *tx, struct pci_func *cs, u32 irq_port);
struct netport *ti1570_attach(struct pci_func *f, u32 irq_port);
struct netport *i8254x_attach(struct pci_func *f, u32 irq_port, int pa_ge);
/* Fills ports[0..3]. */
int mueslix_attach(struct pci_func *f, u32 irq_port, struct netport **ports);

#endif
