# One ICMP echo request: prints "type code" of the ICMP answer, or "nothing" after a second. Perl's base package is on
# every Debian; ping is not.
use strict;
use Socket;
my ($address) = @ARGV;
socket(my $socket, PF_INET, SOCK_RAW, 1) or die $!;
my $echo = pack('C C n n n a8', 8, 0, 0, $$ & 0xffff, 1, 'mirage..');
my $sum = 0;
$sum += $_ for unpack('n*', $echo);
$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
substr($echo, 2, 2) = pack('n', ~$sum & 0xffff);
send($socket, $echo, 0, pack_sockaddr_in(0, inet_aton($address))) or die $!;
my $bits = '';
vec($bits, fileno($socket), 1) = 1;
if (select($bits, undef, undef, 1)) {
    recv($socket, my $packet, 2000, 0);
    print join(' ', unpack('C C', substr($packet, 20))), "\n";
} else {
    print "nothing\n";
}
