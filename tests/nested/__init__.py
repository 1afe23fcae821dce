"""What runs in a machine with KVM in it: one boot for all tests here."""
