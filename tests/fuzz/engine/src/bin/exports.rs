//! libFuzzer on [`fuzz_targets::exports`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::exports::run(bytes));
