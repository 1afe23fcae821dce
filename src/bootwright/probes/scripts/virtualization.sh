[ -n "$nested" ] || does_not_apply "the recipe has no virtualization (--nested)"
[ -c /dev/kvm ] || {
    fix "load the KVM module of the CPU: modprobe kvm_amd, or modprobe kvm_intel"
    fail "there is no /dev/kvm"
}
has perl || does_not_apply "the image has no perl, which starts the virtual CPU; /dev/kvm is there"
# A virtual CPU begins at its reset vector. There it adds 2 to 40, writes the sum to port 0x80, which
# is an exit from the guest, and halts. Source: Documentation/virt/kvm/api.rst.
perl -e '
use strict;
use constant { KVM_GET_API_VERSION => 0xAE00, KVM_CREATE_VM => 0xAE01, KVM_GET_VCPU_MMAP_SIZE => 0xAE04,
    KVM_CREATE_VCPU => 0xAE41, KVM_SET_TSS_ADDR => 0xAE47, KVM_SET_USER_MEMORY_REGION => 0x4020AE46,
    KVM_RUN => 0xAE80, EXIT_IO => 2, EXIT_HLT => 5, READ => 0, MMAP => 9, SHARED => 1, ANONYMOUS => 0x20 };
sub ask {
    my ($file, $name, $request, $argument) = @_;
    my $answer = ioctl($file, $request, $argument);
    defined $answer or do { print "$name: $!\n"; exit 1 };
    return $answer + 0;
}
sub opened { open(my $file, "+<&=", $_[0]) or die $!; return $file }
sub expect { my ($what, $seen, $want) = @_; $seen == $want or do { print "$what $seen, not $want\n"; exit 1 } }
open(my $kvm, "+<", "/dev/kvm") or do { print "/dev/kvm: $!\n"; exit 1 };
expect("its API is version", ask($kvm, "KVM_GET_API_VERSION", KVM_GET_API_VERSION, 0), 12);
my $vm = opened(ask($kvm, "KVM_CREATE_VM", KVM_CREATE_VM, 0));
ask($vm, "KVM_SET_TSS_ADDR", KVM_SET_TSS_ADDR, 0xfffbd000);
my $page = syscall(MMAP, 0, 4096, 3, SHARED | ANONYMOUS, -1, 0);
pipe(my $out, my $in) or die $!;
syswrite($in, "\xb0\x28\x04\x02\xe6\x80\xf4"); # mov al, 40; add al, 2; out 0x80, al; hlt
syscall(READ, fileno($out), $page + 0xff0, 7) == 7 or die $!;
ask($vm, "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION, pack("LLQQQ", 0, 0, 0xfffff000, 4096, $page));
my $cpu = opened(ask($vm, "KVM_CREATE_VCPU", KVM_CREATE_VCPU, 0));
my $size = ask($kvm, "KVM_GET_VCPU_MMAP_SIZE", KVM_GET_VCPU_MMAP_SIZE, 0);
my $shared = syscall(MMAP, 0, $size, 3, SHARED, fileno($cpu), 0);
sub at { my ($offset, $size) = @_; return unpack("P$size", pack("Q", $shared + $offset)) }
ask($cpu, "KVM_RUN", KVM_RUN, 0);
expect("a virtual CPU exited for reason", unpack("L", at(8, 4)), EXIT_IO);
expect("a virtual CPU added 40 and 2 to", unpack("C", at(unpack("Q", at(40, 8)), 1)), 42);
ask($cpu, "KVM_RUN", KVM_RUN, 0);
expect("a virtual CPU exited for reason", unpack("L", at(8, 4)), EXIT_HLT);
print "a virtual CPU ran\n";
' || exit 1
