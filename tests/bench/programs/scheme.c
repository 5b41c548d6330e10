/* TinyScheme: symbolic work, lists and garbage collection. */
#include <scheme-private.h>
#include <scheme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* TinyScheme's own library, in Scheme. */
__asm__(".section .rodata\n.globl init_scm\ninit_scm: .incbin \"" INIT_SCM "\"\n.byte 0\n.previous");
extern const char init_scm[];

static const char script[] =
/* Differentiation and simplification of expressions. */
"(define (simplify op a b)\n"
"  (cond ((and (number? a) (number? b)) (if (eq? op '+) (+ a b) (modulo (* a b) 1009)))\n"
"        ((and (eq? op '*) (or (eqv? a 0) (eqv? b 0))) 0)\n"
"        ((and (eq? op '*) (eqv? a 1)) b)\n"
"        ((and (eq? op '*) (eqv? b 1)) a)\n"
"        ((and (eq? op '+) (eqv? a 0)) b)\n"
"        ((and (eq? op '+) (eqv? b 0)) a)\n"
"        (else (list op a b))))\n"
"(define (deriv e v)\n"
"  (cond ((number? e) 0)\n"
"        ((symbol? e) (if (eq? e v) 1 0))\n"
"        ((eq? (car e) '+) (simplify '+ (deriv (cadr e) v) (deriv (caddr e) v)))\n"
"        (else (simplify '+ (simplify '* (cadr e) (deriv (caddr e) v)) (simplify '* (deriv (cadr e) v) (caddr e))))))\n"
"(define (size e) (if (pair? e) (+ 1 (size (cadr e)) (size (caddr e))) 1))\n"
"(define (power n) (if (= n 0) 1 (list '* (list '+ 'x n) (power (- n 1)))))\n"
/* Merge sort, association lists, strings. (Debian's TinyScheme takes no
 * integer as an index.) */
"(define seed (+ turn 1))\n"
"(define (random n) (set! seed (modulo (+ (* seed 1103) 12345) 65536)) (modulo (quotient seed 8) n))\n"
"(define (numbers n) (if (= n 0) '() (cons (random 5000) (numbers (- n 1)))))\n"
"(define (merge a b less?)\n"
"  (cond ((null? a) b) ((null? b) a)\n"
"        ((less? (car b) (car a)) (cons (car b) (merge a (cdr b) less?)))\n"
"        (else (cons (car a) (merge (cdr a) b less?)))))\n"
"(define (split l a b) (if (null? l) (cons a b) (split (cdr l) (cons (car l) b) a)))\n"
"(define (sort l less?)\n"
"  (if (or (null? l) (null? (cdr l))) l\n"
"    (let ((halves (split l '() '()))) (merge (sort (car halves) less?) (sort (cdr halves) less?) less?))))\n"
"(define (fold f x l) (if (null? l) x (fold f (f x (car l)) (cdr l))))\n"
"(define (hash x y) (modulo (+ (* x 31) y) 65521))\n"
"(define (queens n)\n"
"  (define (ok? row dist placed)\n"
"    (or (null? placed)\n"
"        (and (not (= (car placed) row)) (not (= (car placed) (+ row dist))) (not (= (car placed) (- row dist)))\n"
"             (ok? row (+ dist 1) (cdr placed)))))\n"
"  (let try ((row 1) (k 0) (placed '()))\n"
"    (cond ((= k n) 1) ((> row n) 0)\n"
"          (else (+ (if (ok? row 1 placed) (try 1 (+ k 1) (cons row placed)) 0) (try (+ row 1) k placed))))))\n"
"(define table '())\n"
"(define (count! word)\n"
"  (let ((found (assq word table)))\n"
"    (if found (set-cdr! found (+ 1 (cdr found))) (set! table (cons (cons word 1) table)))))\n"
"(define (words n) (if (> n 0) (begin (count! (string->symbol (string-append \"if-\" (number->string (random 60))))) (words (- n 1)))))\n"
"(words 400)\n"
"(define result\n"
"  (+ (size (deriv (deriv (power 14) 'x) 'x))\n"
"     (fold hash 7 (sort (numbers 700) <))\n"
"     (fold (lambda (x e) (hash x (cdr e))) 3 table)\n"
"     (* 1000 (queens 6))\n"
"     (call-with-current-continuation (lambda (k) (for-each (lambda (x) (if (> x 4900) (k x))) (numbers 300)) 0))))\n";

uint32_t work(unsigned turn)
{
    static char output[4096];
    scheme *sc = scheme_init_new();
    char define[40];
    uint32_t sum;

    if (!sc)
        fail("scheme_init_new", 0);
    scheme_set_output_port_string(sc, output, output + sizeof output);
    scheme_load_string(sc, init_scm);
    sprintf(define, "(define turn %u)", turn);
    scheme_load_string(sc, define);
    scheme_load_string(sc, script);
    scheme_load_string(sc, "result");
    if (sc->retcode || !is_integer(sc->value))
        fail(output, sc->retcode);
    sum = (uint32_t)ivalue(sc->value);
    scheme_deinit(sc);
    free(sc);
    return sum;
}
