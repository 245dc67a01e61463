"""What a user's machine does to the suite: kills, full disks, damage, wrong input. Run by ``make drill``."""
