/*
 * Start-up without any ROM service: stack, .bss, exception vectors, main.
 * Everything runs in KSEG0 with interrupts off; an exception is an error.
 */
        .set    noreorder
        .set    noat

#define STATUS  $12
#define CAUSE   $13
#define EPC     $14
#define BADVADDR $8
#define COUNT   $9

        .section .text.start,"ax",@progbits
        .globl  _start
        .ent    _start
_start:
        mtc0    $zero, STATUS           /* kernel mode, BEV=0, IE=0 */
        nop; nop; nop; nop
        la      $sp, stack_top
        addiu   $sp, $sp, -32
        la      $gp, _gp
        la      $t0, bss_start
        la      $t1, bss_end
1:      sw      $zero, 0($t0)
        addiu   $t0, $t0, 4
        sltu    $t2, $t0, $t1
        bne     $t2, $zero, 1b
        nop
        la      $t0, vector             /* uncached, so no cache operation */
        li      $t2, 0xa0000000
2:      lw      $t3, 0($t0)
        sw      $t3, 0x000($t2)         /* TLB refill */
        sw      $t3, 0x080($t2)         /* XTLB refill */
        sw      $t3, 0x180($t2)         /* all others */
        addiu   $t0, $t0, 4
        la      $t1, vector_end
        bne     $t0, $t1, 2b
        addiu   $t2, $t2, 4
        jal     main
        nop
3:      b       3b
        nop
        .end    _start

vector:
        lui     $k0, %hi(exception)
        addiu   $k0, $k0, %lo(exception)
        jr      $k0
        nop
vector_end:

        .ent    exception
exception:
        mfc0    $a0, CAUSE
        mfc0    $a1, EPC
        mfc0    $a2, BADVADDR
        move    $a3, $ra
        j       fatal
        nop
        .end    exception

        .globl  count
        .ent    count
count:  mfc0    $v0, COUNT
        jr      $ra
        nop
        .end    count
