#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mj_enhance_fuzz::run("terminal", data));
