/*
 * relay: the way out of the wall, and the last step before the agent.
 *
 *   relay [--keep FD] [--max-processes N] [--mount PATH DEVICE:INODE|- ...] PORT=SOCKET ... -- PROGRAM [ARGUMENT ...]
 *   relay --check PORT FILE
 *   relay --join DIRECTORY -- PROGRAM [ARGUMENT ...]
 *
 * The first form listens on each PORT of 127.0.0.1, carries every connection to the unix socket beside it, and becomes PROGRAM:
 * the ports answer before the program runs its first instruction. Where mounts are named, these and no others have to be there. When
 * whoever reads its stderr is gone, everything in the sandbox is ended. The second form is what the wall's self-test runs inside.
 * The third runs outside: it enters a control group and becomes PROGRAM, which cannot run uncounted then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PORTS = 8, MAX_LINKS = 256, MAX_MOUNTS = 4096, BUFFER = 32 * 1024 };

/* What one side has said and the other has not yet taken. */
struct flow { char *data; size_t start, end; int ended; };
/* side[0] is the program's connection, side[1] the socket outside; flow[i] is what side[i] has said. */
struct link { int side[2]; struct flow flow[2]; };

static struct { int listener; struct sockaddr_un target; } ports[MAX_PORTS];
static int port_count;
static struct link links[MAX_LINKS];
static int link_count;
/* The first process of its own process namespace but for the init: pid 2 of a whole system is never a program. */
static int alone;

static void fail(const char *what, int status) {
  dprintf(2, "relay: %s: %s\n", what, strerror(errno));
  _exit(status);
}

static int number(const char *text, int most) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*text == 0 || *end != 0 || value < 0 || value > most) { errno = EINVAL; fail(text, 125); }
  return (int)value;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void open_port(char *text) {
  char *path = strchr(text, '=');
  if (path == NULL || port_count == MAX_PORTS || strlen(path + 1) >= sizeof ports[0].target.sun_path) { errno = EINVAL; fail(text, 125); }
  *path++ = 0;
  ports[port_count].target.sun_family = AF_UNIX;
  strcpy(ports[port_count].target.sun_path, path);
  struct sockaddr_in address = loopback(number(text, 65535));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 511) < 0) fail(text, 125);
  ports[port_count++].listener = fd;
}

static void drop(int index) {
  struct link *one = &links[index];
  for (int i = 0; i < 2; i++) { close(one->side[i]); free(one->flow[i].data); }
  *one = links[--link_count];
}

static int again(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* Whoever is not there outside is seen by the program as a connection that closes at once. */
static void take(int port) {
  int yes = 1, inner = accept4(ports[port].listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (inner < 0) {
    /* With no descriptor or memory left the listener stays readable: not as fast as the processor can turn. */
    if (!again() && errno != ECONNABORTED) usleep(10000);
    return;
  }
  int outer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct link fresh = { .side = { inner, outer } };
  if (outer < 0 || connect(outer, (struct sockaddr *)&ports[port].target, sizeof ports[port].target) < 0 ||
      (fresh.flow[0].data = malloc(BUFFER)) == NULL || (fresh.flow[1].data = malloc(BUFFER)) == NULL) {
    free(fresh.flow[0].data);
    close(inner);
    if (outer >= 0) close(outer);
    return;
  }
  setsockopt(inner, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  links[link_count++] = fresh;
}

/* Carries what `from` has said, as far as both sides are ready. False when the connection is broken. */
static int carry(struct link *one, int from) {
  struct flow *flow = &one->flow[from];
  if (flow->start == flow->end && !flow->ended) {
    ssize_t got = read(one->side[from], flow->data, BUFFER);
    if (got < 0) return again();
    flow->start = 0;
    flow->end = (size_t)got;
    flow->ended = got == 0;
    if (flow->ended) return shutdown(one->side[!from], SHUT_WR) == 0;
  }
  while (flow->start < flow->end) {
    ssize_t put = send(one->side[!from], flow->data + flow->start, flow->end - flow->start, MSG_NOSIGNAL);
    if (put < 0) return again();
    flow->start += (size_t)put;
  }
  return 1;
}

/* A side is asked about only what is wanted of it: one that is merely gone would otherwise be reported for ever. */
static struct pollfd wish(const struct link *one, int side) {
  const struct flow *out = &one->flow[side], *in = &one->flow[!side];
  short events = (short)((out->start == out->end && !out->ended ? POLLIN : 0) | (in->start < in->end ? POLLOUT : 0));
  return (struct pollfd){ .fd = events == 0 ? -1 : one->side[side], .events = events };
}

/* bubblewrap ends everything when its parent dies, but not if that dies while the sandbox is being set up. */
__attribute__((noreturn)) static void end_all(void) {
  for (int round = 0; round < 5000 && kill(-1, SIGKILL) == 0; round++) usleep(1000);
  _exit(0);
}

/* One process for all connections; it ends with the namespace it lives in. */
__attribute__((noreturn)) static void pump(void) {
  static struct pollfd polled[MAX_PORTS + 2 * MAX_LINKS + 1];
  for (;;) {
    int known = link_count;
    for (int i = 0; i < port_count; i++) polled[i] = (struct pollfd){ .fd = known < MAX_LINKS ? ports[i].listener : -1, .events = POLLIN };
    for (int i = 0; i < known; i++)
      for (int side = 0; side < 2; side++) polled[port_count + 2 * i + side] = wish(&links[i], side);
    struct pollfd *reader = &polled[port_count + 2 * known];
    *reader = (struct pollfd){ .fd = alone ? 2 : -1 };
    if (poll(polled, (nfds_t)(port_count + 2 * known + 1), -1) < 0) continue;
    if (reader->revents & (POLLHUP | POLLERR)) end_all();
    /* Downwards, since `drop` moves the last one into the gap. */
    for (int i = known - 1; i >= 0; i--) {
      int broken = 0;
      struct pollfd *pair = &polled[port_count + 2 * i];
      for (int from = 0; from < 2 && !broken; from++)
        if ((pair[from].revents && (pair[from].events & POLLIN)) || (pair[!from].revents && (pair[!from].events & POLLOUT)))
          broken = !carry(&links[i], from);
      if (broken || (links[i].flow[0].ended && links[i].flow[1].ended)) drop(i);
    }
    for (int i = 0; i < port_count; i++)
      if (polled[i].revents && link_count < MAX_LINKS) take(i);
  }
}

static void close_from(unsigned first, unsigned last) {
  if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
  unsigned most = (unsigned)sysconf(_SC_OPEN_MAX);
  for (unsigned fd = first; fd <= last && fd < most; fd++) close((int)fd);
}

/* A grandchild, so that the program has no child that it did not start: the namespace's init adopts and reaps it. */
static void start_pump(void) {
  pid_t child = fork();
  if (child < 0) fail("fork", 125);
  if (child > 0) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (status != 0) { errno = EAGAIN; fail("fork", 125); }
    return;
  }
  pid_t grandchild = fork();
  if (grandchild != 0) _exit(grandchild < 0 ? 125 : 0);
  setsid();
  for (int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2 }, i = 0; i < 7; i++) signal(ignored[i], SIG_IGN);
  /* The program's ends of its pipes are its own: whoever reads them has to see its end. Of stderr it is seen by the end of all. */
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < (alone ? 2 : 3); fd++) if (null < 0 || dup2(null, fd) < 0) close(fd);
  unsigned next = 3;
  for (int i = 0; i < port_count; i++) { close_from(next, (unsigned)ports[i].listener - 1); next = (unsigned)ports[i].listener + 1; }
  close_from(next, ~0U);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
  prctl(PR_SET_NAME, "relay");
  pump();
}

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "relay knows the system calls of x86_64 and aarch64 only"
#endif
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define MISSING (SECCOMP_RET_ERRNO | ENOSYS)
#define REFUSE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(MISSING)
#define FAMILY(family) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, 0, 1), ANSWER(SECCOMP_RET_ALLOW)

/* What no namespace holds: sockets of families that ignore network namespaces (vsock leads to the host of a virtual machine),
 * keyrings, and interfaces of the kernel that no agent needs and that would go round this filter. */
static void filter(void) {
  struct sock_filter code[] = {
    LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0), ANSWER(MISSING),
    LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), ANSWER(MISSING),
    REFUSE(keyctl), REFUSE(add_key), REFUSE(request_key), REFUSE(bpf), REFUSE(perf_event_open), REFUSE(userfaultfd),
    REFUSE(io_uring_setup), REFUSE(io_uring_enter), REFUSE(io_uring_register),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0), ANSWER(SECCOMP_RET_ALLOW),
    LOAD(args[0]), FAMILY(AF_UNIX), FAMILY(AF_INET), FAMILY(AF_INET6), FAMILY(AF_NETLINK),
    ANSWER(SECCOMP_RET_ERRNO | EAFNOSUPPORT),
  };
  struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) fail("seccomp", 125);
}

static void limit(int resource, rlim_t most) {
  struct rlimit now;
  if (getrlimit(resource, &now) < 0 || (now.rlim_max != RLIM_INFINITY && now.rlim_max <= most)) return;
  struct rlimit less = { most, most };
  if (setrlimit(resource, &less) < 0) fail("setrlimit", 125);
}

/* Tells what the other end of the port says to an empty request, and whether the file can be written. */
static int check(int port, const char *file) {
  char answer[256];
  size_t length = 0;
  struct sockaddr_in address = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  alarm(5);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect", 1);
  shutdown(fd, SHUT_WR);
  for (ssize_t got; length < sizeof answer - 1 && (got = read(fd, answer + length, sizeof answer - 1 - length)) > 0;) length += (size_t)got;
  answer[length] = 0;
  int written = open(file, O_WRONLY | O_CREAT, 0600);
  char space[64] = "";
  if (readlink("/proc/self/ns/pid", space, sizeof space - 1) < 0) fail("/proc", 1);
  printf("answer %s\nwrite %s\nspace %s\n", answer, written < 0 ? "refused" : "done", space);
  return 0;
}

/* `0` stands for the writer. Only for a thread that moves itself through `tasks` the kernel waits for no one else, which would take
 * longer than to build the sandbox; relay has just this one. */
static void join_group(const char *directory) {
  int group = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int members = group < 0 ? -1 : openat(group, "tasks", O_WRONLY | O_CLOEXEC);
  if (members < 0 || write(members, "0", 1) != 1) fail(directory, 125);
  close(members);
  close(group);
}

/* Where something has to be mounted, and as which file; `-` for what the sandbox has made itself. */
static struct { const char *path, *identity; } mounts[MAX_MOUNTS];
static int mount_count;

static void expect_mount(const char *path, const char *identity) {
  if (mount_count == MAX_MOUNTS) { errno = E2BIG; fail("--mount", 125); }
  mounts[mount_count].path = path;
  mounts[mount_count++].identity = identity;
}

/* The kernel writes what would end a field as a backslash and three octal digits. */
static void unescape(char *text) {
  char *to = text;
  for (char *from = text; *from; to++) {
    if (*from == '\\' && from[1] && from[2] && from[3]) { *to = (char)strtol((char[]){ from[1], from[2], from[3], 0 }, NULL, 8); from += 4; }
    else *to = *from++;
  }
  *to = 0;
}

static int is_expected(const char *path) {
  /* What is mounted below these is the sandbox's own; nothing of the host's is ever put there. */
  if (strcmp(path, "/") == 0 || strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0) return 1;
  for (int i = 0; i < mount_count; i++) if (strcmp(mounts[i].path, path) == 0) return 1;
  return 0;
}

/* Whoever may write a directory above a place can have put a link there while the sandbox was built: then something else is mounted
 * there, or it is mounted elsewhere. Nothing can be changed any more by now. */
static void verify_mounts(void) {
  for (int i = 0; i < mount_count; i++) {
    struct stat found;
    char identity[64];
    if (strcmp(mounts[i].identity, "-") == 0) continue;
    if (lstat(mounts[i].path, &found) < 0) fail(mounts[i].path, 125);
    snprintf(identity, sizeof identity, "%ju:%ju", (uintmax_t)found.st_dev, (uintmax_t)found.st_ino);
    if (strcmp(identity, mounts[i].identity) != 0) { errno = ESTALE; fail(mounts[i].path, 125); }
  }
  FILE *table = fopen("/proc/self/mountinfo", "re");
  if (table == NULL) fail("/proc/self/mountinfo", 125);
  char *line = NULL;
  for (size_t size = 0; getline(&line, &size, table) > 0;) {
    char *field = line;
    for (int i = 0; i < 4 && field; i++) if ((field = strchr(field, ' '))) field++;
    if (field) field[strcspn(field, " \n")] = 0;
    if (field) unescape(field);
    if (field == NULL || !is_expected(field)) { errno = ESTALE; fail(field ? field : "/proc/self/mountinfo", 125); }
  }
  free(line);
  fclose(table);
}

int main(int argc, char **argv) {
  int keep = -1, processes = 1024, i = 1;
  alone = getpid() == 2;
  /* A standard stream that was closed must not become a listener. */
  int spare = open("/dev/null", O_RDWR);
  while (spare >= 0 && spare < 3) spare = dup(spare);
  if (argc == 4 && strcmp(argv[1], "--check") == 0) return check(number(argv[2], 65535), argv[3]);
  if (argc > 4 && strcmp(argv[1], "--join") == 0 && strcmp(argv[3], "--") == 0) {
    join_group(argv[2]);
    close_from(3, ~0U);
    execv(argv[4], argv + 4);
    fail(argv[4], errno == ENOENT ? 127 : 126);
  }
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "--keep") == 0 && i + 1 < argc) keep = number(argv[++i], 1 << 20);
    else if (strcmp(argv[i], "--max-processes") == 0 && i + 1 < argc) processes = number(argv[++i], 1 << 22);
    else if (strcmp(argv[i], "--mount") == 0 && i + 2 < argc) { expect_mount(argv[i + 1], argv[i + 2]); i += 2; }
    else open_port(argv[i]);
  }
  if (mount_count > 0) verify_mounts();
  if (i + 1 >= argc) { errno = EINVAL; fail("no program", 125); }
  if (port_count > 0) start_pump();
  if (keep < 3) close_from(3, ~0U);
  else { close_from(3, (unsigned)keep - 1); close_from((unsigned)keep + 1, ~0U); }
  limit(RLIMIT_CORE, 0);
  if (processes > 0) limit(RLIMIT_NPROC, (rlim_t)processes);
  filter();
  execv(argv[i + 1], argv + i + 1);
  fail(argv[i + 1], errno == ENOENT ? 127 : 126);
}
