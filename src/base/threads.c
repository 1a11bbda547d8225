#include "cfmpi/threads.h"

#include <pthread.h>
#include <stdbool.h>

#define MOST 1024 /* threads */

typedef struct hand {
    int thread;
    cf_thread_work *work;
    void *data;
} hand;

static void *begin(void *arg)
{
    const hand *h = arg;
    h->work(h->thread, h->data);
    return NULL;
}

void cf_threads_run(int count, cf_thread_work *work, void *data)
{
    pthread_t id[MOST];
    hand hands[MOST];
    bool runs[MOST];
    count = count < MOST ? count : MOST;
    for (int t = 1; t < count; t++) {
        hands[t] = (hand){t, work, data};
        runs[t] = pthread_create(&id[t], NULL, begin, &hands[t]) == 0;
    }
    work(0, data);
    for (int t = 1; t < count; t++)
        if (runs[t])
            pthread_join(id[t], NULL);
        else
            work(t, data);
}

int64_t cf_threads_begin(int64_t n, int part, int parts)
{
    return n / parts * part + (n % parts) * part / parts;
}
