//! libFuzzer on [`fuzz_targets::json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::json::run(bytes));
