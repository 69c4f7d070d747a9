//! The wiring: the only file that sees all rooms.
