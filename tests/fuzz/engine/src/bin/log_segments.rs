//! libFuzzer on [`fuzz_targets::log_segments`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::log_segments::run(bytes));
