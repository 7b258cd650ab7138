/*
 * Uses a known amount of memory or of processor time: `amounts KIND NUMBER [FILE [empty]]`.
 *
 * The number is in MiB, of processor time in ms. All of it is in use at once at some time. With `empty` it is the control: the same
 * processes, threads, mappings, files, pipes and sockets, in which nothing is. Written to standard output are the bytes that are in use,
 * without those that the control uses, and the processor time in microseconds that it and its children have used since main began.
 * `ci/checks/accuracy.py` compares with what is measured from outside.
 * Exit code 2: called wrongly; 1: refused, with the reason.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MIB = 1 << 20, TOGETHER = 4 };

static void refused(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* Whether nothing is used of what is there. */
static int is_empty;

/* Writes to every page. */
static void touch(volatile char *memory, size_t bytes) {
    for (size_t at = 0; at < bytes && !is_empty; at += PAGE) memory[at] = 1;
}

static char *mapped(size_t bytes, int flags, int file) {
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) refused("mmap");
    return memory;
}

static int memory_file(size_t bytes) {
    int file = memfd_create("amounts", 0);
    if (file < 0 || ftruncate(file, bytes) != 0) refused("memfd_create");
    return file;
}

static void allocate(size_t bytes) {
    touch(mapped(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1), bytes);
}

static void map(size_t bytes) {
    touch(mapped(bytes, MAP_SHARED, memory_file(bytes)), bytes);
}

/* Forks children that work on a part each, and are there together when all have done it. */
static void in_children(void (*work)(char *, size_t), char *memory, size_t bytes) {
    int ready[2], go[2];
    if (pipe(ready) != 0 || pipe(go) != 0) refused("pipe");
    for (int n = 0; n < TOGETHER; n++) {
        pid_t child = fork();
        if (child < 0) refused("fork");
        if (child == 0) {
            char byte = 0;
            work(memory, bytes);
            if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(1);
            _exit(0);
        }
    }
    char all[TOGETHER];
    for (int n = 0; n < TOGETHER; n++) if (read(ready[0], all, 1) != 1) refused("read");
    if (write(go[1], all, TOGETHER) != TOGETHER) refused("write");
    while (wait(NULL) > 0) {}
}

static void of_own(char *memory, size_t bytes) {
    (void)memory;
    allocate(bytes);
}

/* Children that read what their parent has written have it together. */
static void of_all(char *memory, size_t bytes) {
    volatile char sum = 0;
    for (size_t at = 0; at < bytes && !is_empty; at += PAGE) sum += memory[at];
}

static void fork_some(size_t bytes) {
    in_children(of_own, NULL, bytes / TOGETHER);
}

static void share(size_t bytes) {
    char *memory = mapped(bytes, MAP_SHARED | MAP_ANONYMOUS, -1);
    touch(memory, bytes);
    in_children(of_all, memory, bytes);
}

struct part { size_t bytes; pthread_barrier_t *together; };

static void *of_thread(void *given) {
    struct part *part = given;
    allocate(part->bytes);
    pthread_barrier_wait(part->together);
    return NULL;
}

static void threads(size_t bytes) {
    pthread_barrier_t together;
    pthread_t started[TOGETHER];
    struct part part = { bytes / TOGETHER, &together };
    pthread_barrier_init(&together, NULL, TOGETHER);
    for (int n = 0; n < TOGETHER; n++) if ((errno = pthread_create(&started[n], NULL, of_thread, &part)) != 0) refused("pthread_create");
    for (int n = 0; n < TOGETHER; n++) pthread_join(started[n], NULL);
}

static char piece[MIB];

static void write_whole(int file, size_t bytes) {
    for (size_t done = 0; done < bytes && !is_empty; done += MIB) if (write(file, piece, MIB) != MIB) refused("write");
}

static void tmpfs(size_t bytes) {
    int file = open("/tmp/amount", O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (file < 0) refused("/tmp/amount");
    write_whole(file, bytes);
    unlink("/tmp/amount");
}

/* In small pieces: what they are read into is in use, too. */
static void read_file(size_t bytes, const char *path) {
    enum { EACH = 16 << 10 };
    int file = open(path, O_RDONLY);
    if (file < 0) refused(path);
    for (size_t done = 0; done < bytes && !is_empty; done += EACH) if (read(file, piece, EACH) != EACH) refused("read");
}

static void many_files(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Bytes that the kernel says it keeps for what was written and not read. */
static size_t in_socket(int socket) {
    uint32_t told[SK_MEMINFO_VARS];
    socklen_t length = sizeof told;
    if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, told, &length) != 0) refused("SO_MEMINFO");
    return told[SK_MEMINFO_WMEM_ALLOC];
}

/* Each pair holds as much as it takes at once. Data take more than their bytes, which the kernel counts for the socket's own limit. */
static size_t sockets(size_t bytes) {
    enum { EACH = 128 << 10 };
    size_t kept = 0;
    many_files();
    for (size_t done = 0; done < bytes; done += EACH) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) refused("socketpair");
        if (is_empty) continue;
        for (size_t written = 0; written < EACH; written += 32 << 10) if (write(pair[0], piece, 32 << 10) != 32 << 10) refused("write");
        kept += in_socket(pair[0]);
    }
    return kept;
}

static void pipes(size_t bytes) {
    enum { EACH = 64 << 10 };
    many_files();
    for (size_t done = 0; done < bytes; done += EACH) {
        int ends[2];
        if (pipe(ends) != 0 || (!is_empty && write(ends[1], piece, EACH) != EACH)) refused("pipe");
    }
}

/* The kernel's own threads write, to a file of memory. */
static void io_uring(size_t bytes) {
    struct io_uring_params about = { 0 };
    int ring = syscall(SYS_io_uring_setup, 8, &about);
    if (ring < 0) refused("io_uring_setup");
    size_t size = about.sq_off.array + about.sq_entries * sizeof(uint32_t);
    size_t completed = about.cq_off.cqes + about.cq_entries * sizeof(struct io_uring_cqe);
    if (completed > size) size = completed;
    char *queue = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, about.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
    if (!(about.features & IORING_FEAT_SINGLE_MMAP) || queue == MAP_FAILED || entries == MAP_FAILED) refused("mmap");
    uint32_t *tail = (uint32_t *)(queue + about.sq_off.tail), mask = *(uint32_t *)(queue + about.sq_off.ring_mask);
    uint32_t *array = (uint32_t *)(queue + about.sq_off.array), *head = (uint32_t *)(queue + about.cq_off.head);
    uint32_t filled = *(uint32_t *)(queue + about.cq_off.ring_mask);
    struct io_uring_cqe *ended = (struct io_uring_cqe *)(queue + about.cq_off.cqes);
    int file = memory_file(bytes);
    for (size_t done = 0; done < bytes && !is_empty; done += MIB) {
        uint32_t at = *tail & mask;
        entries[at] = (struct io_uring_sqe){ .opcode = IORING_OP_WRITE, .flags = IOSQE_ASYNC, .fd = file, .addr = (uintptr_t)piece, .len = MIB, .off = done };
        array[at] = at;
        __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
        if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1) refused("io_uring_enter");
        if (ended[*head & filled].res != MIB) { errno = -ended[*head & filled].res; refused("write"); }
        __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    }
}

static long microseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static void *compute(void *milliseconds) {
    long until = microseconds(CLOCK_THREAD_CPUTIME_ID) + (long)(intptr_t)milliseconds * 1000;
    volatile unsigned value = 1;
    while (microseconds(CLOCK_THREAD_CPUTIME_ID) < until) for (int n = 0; n < 1000; n++) value = value * 1664525 + 1013904223;
    return NULL;
}

static void compute_in_threads(long milliseconds) {
    pthread_t started[TOGETHER];
    for (int n = 0; n < TOGETHER; n++) if ((errno = pthread_create(&started[n], NULL, compute, (void *)(intptr_t)(milliseconds / TOGETHER))) != 0) refused("pthread_create");
    for (int n = 0; n < TOGETHER; n++) pthread_join(started[n], NULL);
}

/* Somebody computes of whom nobody waits for the end: main only reads that it has come. */
static long compute_in_daemon(long milliseconds) {
    int told[2];
    long used = 0;
    if (pipe(told) != 0) refused("pipe");
    pid_t middle = fork();
    if (middle < 0) refused("fork");
    if (middle == 0) {
        if (fork() == 0) {
            compute((void *)(intptr_t)milliseconds);
            used = microseconds(CLOCK_PROCESS_CPUTIME_ID);
            if (write(told[1], &used, sizeof used) != sizeof used) _exit(1);
        }
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    if (read(told[0], &used, sizeof used) != sizeof used) refused("read");
    return used;
}

int main(int count, char **words) {
    /* A process keeps the time that it has used before execve. */
    long before = microseconds(CLOCK_PROCESS_CPUTIME_ID);
    if (count < 3) return 2;
    const char *kind = words[1];
    long number = atol(words[2]), others = 0;
    size_t bytes = (size_t)number * MIB, used = bytes;
    is_empty = count > 4 && strcmp(words[4], "empty") == 0;
    const struct { const char *name; void (*use)(size_t); } of_memory[] = {
        { "allocate", allocate }, { "map", map }, { "share", share }, { "fork", fork_some }, { "threads", threads },
        { "tmpfs", tmpfs }, { "pipes", pipes }, { "io_uring", io_uring },
    };
    int is_known = 0;
    for (size_t n = 0; n < sizeof of_memory / sizeof *of_memory; n++) if (strcmp(kind, of_memory[n].name) == 0) {
        of_memory[n].use(bytes);
        is_known = 1;
    }
    if (strcmp(kind, "read") == 0 && count > 3) read_file(bytes, words[3]);
    else if (strcmp(kind, "sockets") == 0) used = sockets(bytes);
    else if (strcmp(kind, "compute") == 0) compute((void *)(intptr_t)number);
    else if (strcmp(kind, "compute_in_threads") == 0) compute_in_threads(number);
    else if (strcmp(kind, "compute_in_daemon") == 0) others = compute_in_daemon(number);
    else if (!is_known) return 2;
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    others += (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000L + children.ru_utime.tv_usec + children.ru_stime.tv_usec;
    printf("memory %zu\nprocessor %ld\n", is_empty ? 0 : used, microseconds(CLOCK_PROCESS_CPUTIME_ID) - before + others);
    return 0;
}
