//! libFuzzer on [`fuzz_targets::csv`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::csv::run(bytes));
