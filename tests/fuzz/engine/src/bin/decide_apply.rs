//! libFuzzer on [`fuzz_targets::decide_apply`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::decide_apply::run(bytes));
