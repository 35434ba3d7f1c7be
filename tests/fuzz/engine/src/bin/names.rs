//! libFuzzer on [`fuzz_targets::names`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::names::run(bytes));
