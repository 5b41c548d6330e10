/* TinyCC wants a lock around its global state; there is only one thread. */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H
typedef int sem_t;
#define sem_init(sem, shared, value) (*(sem) = (value))
#define sem_wait(sem) (--*(sem))
#define sem_post(sem) (++*(sem))
#endif
