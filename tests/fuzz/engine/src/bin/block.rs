//! libFuzzer on [`fuzz_targets::block`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::block::run(bytes));
