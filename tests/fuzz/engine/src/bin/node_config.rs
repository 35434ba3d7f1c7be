//! libFuzzer on [`fuzz_targets::node_config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::node_config::run(bytes));
