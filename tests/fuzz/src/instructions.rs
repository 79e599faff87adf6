use geophone::kernel::uprobe::{Execution, Placement};
use iced_x86::{Decoder, DecoderOptions, FlowControl};

/// Bytes of the entry in which a place is looked for.
const FAR: u64 = 64;

/// The code of a function.
pub fn check(code: &[u8]) {
    let entry = Placement::at_entry(code);
    assert_eq!(entry.offset, 0);
    let Placement { offset, execution } = Placement::of(code);
    assert!(offset < FAR);
    if offset == 0 {
        assert_eq!(execution, entry.execution);
        return;
    }
    assert_ne!(execution, Execution::Stepped, "no better than the entry");
    // Every call comes by, and as it was made: with its return address on top of the stack.
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    while (decoder.position() as u64) < offset {
        let instruction = decoder.decode();
        assert!(!instruction.is_invalid());
        assert_eq!(instruction.flow_control(), FlowControl::Next);
        assert_eq!(instruction.stack_pointer_increment(), 0);
    }
    assert_eq!(decoder.position() as u64, offset, "within an instruction");
}
