/*
 * Load generator and echo server of the benchmarks. In C and on one thread, so that the client costs the two cores as little as
 * it can. Every client mode prints one JSON object; times are microseconds.
 *
 *   load serve PORT                                   TCP and UDP echo on every address of the machine, until it is killed
 *   load rr TARGET PORT SECONDS CONNECTIONS SIZE      one exchange after the other on each open connection
 *   load crr TARGET PORT SECONDS PARALLEL TARGETS     connect, exchange 64 bytes, close; TARGETS consecutive addresses in turn
 *   load udp TARGET PORT SECONDS OUTSTANDING SIZE     datagrams that come back, on one socket
 *   load idle TARGET PORT COUNT TARGETS               opens COUNT connections, holds them until stdin ends, then tries each again
 *   load ports TARGET PORT COUNT                      one client port to COUNT consecutive addresses, all open at once
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { maxSamples = 4000000, maxPayload = 65536 };
static float samples[maxSamples];
static int sampleCount;
static char payload[maxPayload];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void note(double seconds) {
  if (sampleCount < maxSamples) samples[sampleCount++] = seconds * 1e6;
}

static int ascending(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static void report(double seconds, int failed) {
  qsort(samples, sampleCount, sizeof *samples, ascending);
  const int n = sampleCount;
  printf("{\"perSecond\":%.1f,\"p50\":%.2f,\"p99\":%.2f,\"count\":%d,\"failed\":%d}\n", n / seconds,
         n ? samples[n / 2] : 0, n ? samples[(int)(n * 0.99)] : 0, n, failed);
}

static struct sockaddr_in endpoint(const char *address, int port, int offset) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
    fprintf(stderr, "not an IPv4 address: %s\n", address);
    exit(2);
  }
  to.sin_addr.s_addr = htonl(ntohl(to.sin_addr.s_addr) + offset);
  return to;
}

/* A TCP socket under way to `to`, from `port` unless that is 0; blocking with a time-out of 3 s, or not blocking. */
static int dial(struct sockaddr_in to, int blocking, int port) {
  const int one = 1, fd = socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) return -1;
  const struct timeval limit = {.tv_sec = 3};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (port != 0) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) < 0) die("bind");
  }
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Sends `size` bytes on a blocking socket and reads them back. */
static int exchange(int fd, int size) {
  if (send(fd, payload, size, MSG_NOSIGNAL) != size) return -1;
  for (int left = size; left > 0;) {
    const ssize_t n = recv(fd, payload, left, 0);
    if (n <= 0) return -1;
    left -= n;
  }
  return 0;
}

static void echoDatagrams(int fd) {
  char control[128];
  struct sockaddr_in from;
  for (;;) {
    struct iovec data = {payload, sizeof payload};
    struct msghdr message = {&from, sizeof from, &data, 1, control, sizeof control, 0};
    const ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0) return;
    data.iov_len = n;
    /* The control message goes back as it came: the answer leaves from the address that was asked. */
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
      info->ipi_ifindex = 0;
      info->ipi_spec_dst = info->ipi_addr;
    }
    sendmsg(fd, &message, 0);
  }
}

static void serve(int port) {
  const int one = 1, events = epoll_create1(0);
  const struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(udp, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
  const int room = 8 << 20;
  setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(listener, (const struct sockaddr *)&any, sizeof any) || listen(listener, 8192)) die("listen");
  if (bind(udp, (const struct sockaddr *)&any, sizeof any)) die("bind");
  for (int i = 0; i < 2; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = i ? udp : listener};
    epoll_ctl(events, EPOLL_CTL_ADD, e.data.fd, &e);
  }
  printf("up\n");
  fflush(stdout);
  for (;;) {
    struct epoll_event ready[256];
    const int n = epoll_wait(events, ready, 256, -1);
    for (int i = 0; i < n; i++) {
      const int fd = ready[i].data.fd;
      if (fd == udp) {
        echoDatagrams(udp);
      } else if (fd == listener) {
        for (int c; (c = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
          setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          struct epoll_event e = {.events = EPOLLIN, .data.fd = c};
          epoll_ctl(events, EPOLL_CTL_ADD, c, &e);
        }
      } else {
        const ssize_t got = recv(fd, payload, sizeof payload, 0);
        if (got > 0) send(fd, payload, got, MSG_NOSIGNAL);
        else if (got == 0 || errno != EAGAIN) close(fd);
      }
    }
  }
}

struct slot {
  int fd, left, sent;
  double begun;
};

/* `connections` at once; each exchanges again and again, or (`closing`) dials anew for every exchange. */
static void exchanges(const char *target, int port, double seconds, int connections, int size, int targets, int closing) {
  struct slot *slots = calloc(connections, sizeof *slots);
  const int events = epoll_create1(0);
  int turn = 0, failed = 0;
  for (int i = 0; i < connections; i++) slots[i].fd = -1;
  const double begun = now();
  double t;
  while ((t = now()) - begun < seconds) {
    for (int i = 0; i < connections; i++) {
      struct slot *s = &slots[i];
      if (s->fd >= 0) continue;
      *s = (struct slot){.fd = dial(endpoint(target, port, turn++ % targets), 0, 0), .begun = now()};
      if (s->fd < 0) {
        failed++;
        continue;
      }
      struct epoll_event e = {.events = EPOLLOUT, .data.u32 = i};
      epoll_ctl(events, EPOLL_CTL_ADD, s->fd, &e);
    }
    struct epoll_event ready[256];
    const int n = epoll_wait(events, ready, 256, 20);
    for (int k = 0; k < n; k++) {
      struct slot *s = &slots[ready[k].data.u32];
      int over = 0;
      if (!s->sent) {
        int error = 0;
        socklen_t length = sizeof error;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error != 0 || send(s->fd, payload, size, MSG_NOSIGNAL) != size) over = 1, failed++;
        s->sent = 1;
        s->left = size;
        if (!closing) s->begun = now();
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = ready[k].data.u32};
        epoll_ctl(events, EPOLL_CTL_MOD, s->fd, &e);
      } else {
        const ssize_t got = recv(s->fd, payload, s->left, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) over = 1, failed++;
        else if ((s->left -= got) == 0) {
          const double u = now();
          note(u - s->begun);
          if (closing) over = 1;
          else {
            s->begun = u;
            s->left = size;
            if (send(s->fd, payload, size, MSG_NOSIGNAL) != size) over = 1, failed++;
          }
        }
      }
      if (over) {
        close(s->fd);
        s->fd = -1;
      }
    }
  }
  report(t - begun, failed);
}

/* Each datagram carries when it left; one that is not back after 200 ms counts as failed and is replaced. */
static void datagrams(const char *target, int port, double seconds, int outstanding, int size) {
  const struct sockaddr_in to = endpoint(target, port, 0);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) die("connect");
  const double begun = now();
  double t, *stamp = (double *)payload;
  int flying = 0, failed = 0;
  while ((t = now()) - begun < seconds) {
    for (; flying < outstanding; flying++) {
      *stamp = now();
      if (send(fd, payload, size, 0) != size) break;
    }
    struct pollfd wait = {fd, POLLIN, 0};
    if (poll(&wait, 1, 200) == 0) {
      failed += flying;
      flying = 0;
      continue;
    }
    for (ssize_t got; (got = recv(fd, payload, sizeof payload, MSG_DONTWAIT)) > 0;) {
      note(now() - *stamp);
      if (flying > 0) flying--;
    }
  }
  report(t - begun, failed);
}

static void hold(const char *target, int port, int count, int targets, int clientPort) {
  int *open = calloc(count, sizeof *open), ok = 0, alive = 0;
  const double begun = now();
  /* Three failures in a row are a limit that was reached. */
  for (int i = 0, failures = 0; i < count && failures < 3; i++) {
    const int fd = dial(endpoint(target, port, i % targets), 1, clientPort);
    if (fd >= 0 && exchange(fd, 64) == 0) {
      open[ok++] = fd;
      failures = 0;
    } else {
      failures++;
      if (fd >= 0) close(fd);
    }
  }
  printf("{\"open\":%d,\"failed\":%d,\"seconds\":%.2f}\n", ok, count - ok, now() - begun);
  fflush(stdout);
  char end;
  while (read(0, &end, 1) > 0) continue;
  for (int i = 0; i < ok; i++) alive += exchange(open[i], 64) == 0;
  printf("{\"alive\":%d}\n", alive);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  const char *mode = argc > 1 ? argv[1] : "";
  const int n[] = {argc > 3 ? atoi(argv[3]) : 0, argc > 5 ? atoi(argv[5]) : 0, argc > 6 ? atoi(argv[6]) : 0};
  const double seconds = argc > 4 ? atof(argv[4]) : 0;
  if (!strcmp(mode, "serve") && argc == 3) serve(atoi(argv[2]));
  else if (!strcmp(mode, "rr") && argc == 7) exchanges(argv[2], n[0], seconds, n[1], n[2], 1, 0);
  else if (!strcmp(mode, "crr") && argc == 7) exchanges(argv[2], n[0], seconds, n[1], 64, n[2], 1);
  else if (!strcmp(mode, "udp") && argc == 7) datagrams(argv[2], n[0], seconds, n[1], n[2]);
  else if (!strcmp(mode, "idle") && argc == 6) hold(argv[2], n[0], atoi(argv[4]), n[1], 0);
  else if (!strcmp(mode, "ports") && argc == 5) hold(argv[2], n[0], atoi(argv[4]), atoi(argv[4]), 20053);
  else {
    fprintf(stderr, "usage: see the head of load.c\n");
    return 2;
  }
  return 0;
}
