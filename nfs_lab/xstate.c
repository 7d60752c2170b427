/* Preloaded into the guest's kernel on processors with AMX. Linux 6.1 for User-Mode Linux restores the floating-point
   state with a buffer of 2,696 bytes; there the machine's kernel wants some 11,000 and refuses less, and the guest panics
   at its first process. So a short buffer is put in front of the state that is there; the guest never uses the rest. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { GETREGSET = 0x4204, SETREGSET = 0x4205, XSTATE = 0x202 };

long ptrace(int request, pid_t process, void *address, void *data)
{
    static long (*real)(int, pid_t, void *, void *);
    static char state[1 << 16];
    struct iovec whole = {state, sizeof state}, *given = data;

    if (!real)
        real = (long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
    if (request != SETREGSET || address != (void *)XSTATE)
        return real(request, process, address, data);
    if (real(GETREGSET, process, address, &whole) < 0)
        return -1;
    if (given->iov_len >= whole.iov_len)
        return real(request, process, address, data);
    memcpy(state, given->iov_base, given->iov_len);
    return real(SETREGSET, process, address, &whole);
}
