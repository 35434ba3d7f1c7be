//! libFuzzer on [`fuzz_targets::query`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::query::run(bytes));
