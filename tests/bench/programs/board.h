/*
 * All that differs between the two boards. Addresses are KSEG1 (unmapped,
 * uncached) virtual addresses.
 */
#ifndef BOARD_H
#define BOARD_H

#if defined(BOARD_C7200)

#define BOARD_NAME     "c7200"
/* SCN2681 DUART in the I/O FPGA, channel A. */
#define UART_STATUS    0xbe84040c      /* bit 2: transmitter ready */
#define UART_TX_READY  0x04
#define UART_DATA      0xbe84041c
/* Dynamips' own remote control device: a write here ends the machine. */
#define BOARD_HALT     0xb6000034
#define BOARD_HALT_VAL 1

#elif defined(BOARD_MALTA)

#define BOARD_NAME     "malta"
/* 16550 of the super I/O chip, COM1, in ISA I/O space. */
#define UART_STATUS    0xb80003fd      /* LSR, bit 5: holding register empty */
#define UART_TX_READY  0x20
#define UART_DATA      0xb80003f8
#define BOARD_HALT     0xbf000500      /* SOFTRES */
#define BOARD_HALT_VAL 0x42

#else
#error "define BOARD_C7200 or BOARD_MALTA"
#endif

#endif
