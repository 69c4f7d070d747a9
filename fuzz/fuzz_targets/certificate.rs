//! See `headgate::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| headgate::fuzzing::run("certificate", input));
