# Asks DNS questions by UDP from addresses that are not this machine's: "spoof.pl SERVER COUNT SOURCE...", each for another
# name. Raw sockets are not in Node; Perl's base package is on every Debian.
use strict;
use Socket;
my ($server, $count, @sources) = @ARGV;
socket(my $socket, PF_INET, SOCK_RAW, 255) or die $!;
my $to = pack_sockaddr_in(0, inet_aton($server));
for my $i (1 .. $count) {
    my $source = $sources[$i % @sources];
    my $name = join('', map { chr(length) . $_ } ("spoof$i", 'example')) . "\0";
    my $question = pack('n6', $i & 0xffff, 0x0100, 1, 0, 0, 0) . $name . pack('n2', 1, 1);
    my $datagram = pack('n4', 5353, 53, 8 + length $question, 0) . $question;
    # Length, identification and checksum are filled in by the kernel (raw(7)).
    my $header = pack('C2 n3 C2 n a4 a4', 0x45, 0, 20 + length $datagram, 0, 0, 64, 17, 0, inet_aton($source), inet_aton($server));
    send($socket, $header . $datagram, 0, $to) or print "$source: $!\n";
    select(undef, undef, undef, 0.002) if $i % 50 == 0;
}
print "sent\n";
