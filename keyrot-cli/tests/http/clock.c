/* Loaded into a process under test: its wall clock is TEST_CLOCK_AHEAD nanoseconds ahead. Timers, which use the monotonic clock,
   are not affected. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at)
{
    const long long second = 1000000000;
    long failed = syscall(SYS_clock_gettime, clock, at);
    const char *ahead = getenv("TEST_CLOCK_AHEAD");
    if (failed == 0 && clock == CLOCK_REALTIME && ahead != NULL) {
        long long whole = at->tv_sec * second + at->tv_nsec + atoll(ahead);
        at->tv_sec = whole / second;
        at->tv_nsec = whole % second;
    }
    return (int)failed;
}
