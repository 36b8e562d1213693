#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tarn_tests::fuzz::targets::keys::run(input));
