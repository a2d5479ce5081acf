# One echo request of the address's IP version: prints "type code" of the ICMP answer, or "nothing" after a second. Perl's base
# package is on every Debian; ping is not.
use strict;
use Socket qw(:all);
my ($address) = @ARGV;
my $is_ipv6 = $address =~ /:/;
socket(my $socket, $is_ipv6 ? PF_INET6 : PF_INET, SOCK_RAW, $is_ipv6 ? 58 : 1) or die $!;
my $echo = pack('C C n n n a8', $is_ipv6 ? 128 : 8, 0, 0, $$ & 0xffff, 1, 'mirage..');
# The kernel writes ICMPv6's checksum itself (RFC 3542, 3.1).
my $sum = 0;
$sum += $_ for unpack('n*', $echo);
$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
substr($echo, 2, 2) = pack('n', ~$sum & 0xffff);
my $to = $is_ipv6 ? pack_sockaddr_in6(0, inet_pton(AF_INET6, $address)) : pack_sockaddr_in(0, inet_aton($address));
send($socket, $echo, 0, $to) or die $!;
my $bits = '';
vec($bits, fileno($socket), 1) = 1;
if (select($bits, undef, undef, 1)) {
    recv($socket, my $packet, 2000, 0);
    # Only IPv4's raw sockets show the IP header.
    print join(' ', unpack('C C', $is_ipv6 ? $packet : substr($packet, 20))), "\n";
} else {
    print "nothing\n";
}
