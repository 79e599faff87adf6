//! The record of a classic tracepoint, as tracefs describes it
//! (`print_event_fields()` in kernel/trace/trace_events.c).

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// From the record's begin, in bytes.
    pub offset: u32,
    /// In bytes; of a text (`__data_loc`) that of its location, four.
    pub size: u32,
}

/// The field `name` of the record that `format` describes. None if it has none, or one of
/// which this is not all that there is to know (`__rel_loc`).
pub fn field(format: &str, name: &str) -> Option<Field> {
    format.lines().find_map(|line| {
        let mut parts = line.trim().split(';').map(str::trim);
        let declaration = parts.next()?.strip_prefix("field:")?;
        if declared(declaration) != Some(name) || declaration.starts_with("__rel_loc") {
            return None;
        }
        let mut number = |key: &str| parts.next()?.strip_prefix(key)?.parse().ok();
        let offset = number("offset:")?;
        let size = number("size:")?;
        Some(Field { offset, size })
    })
}

/// What a declaration such as `char comm[16]` or `struct dma_fence * fence` declares.
fn declared(declaration: &str) -> Option<&str> {
    let last = declaration.split_ascii_whitespace().next_back()?;
    let name = last.split('[').next()?;
    Some(name.trim_start_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = "name: drm_sched_job\nID: 1543\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:struct drm_sched_entity * entity;\toffset:8;\tsize:8;\tsigned:0;\n\
        \tfield:struct dma_fence *fence;\toffset:16;\tsize:8;\tsigned:0;\n\
        \tfield:__data_loc char[] name;\toffset:24;\tsize:4;\tsigned:0;\n\
        \tfield:char comm[16];\toffset:28;\tsize:16;\tsigned:0;\n\
        \tfield:__rel_loc char[] late;\toffset:44;\tsize:4;\tsigned:0;\n\n\
        print fmt: \"entity=%p, name=%s\", REC->entity, __get_str(name)\n";

    #[test]
    fn fields_are_found_by_what_is_declared() {
        for (name, offset, size) in [
            ("common_pid", 4, 4),
            ("entity", 8, 8),
            ("fence", 16, 8),
            ("name", 24, 4),
            ("comm", 28, 16),
        ] {
            assert_eq!(field(FORMAT, name), Some(Field { offset, size }), "{name}");
        }
    }

    #[test]
    fn what_is_no_field_is_not_found() {
        for name in ["", "job", "char", "late", "comm[16]", "print"] {
            assert_eq!(field(FORMAT, name), None, "{name}");
        }
        for format in [
            "",
            "field:",
            "\tfield:int a;",
            "field:int a;\toffset:-1;\tsize:4;",
        ] {
            assert_eq!(field(format, "a"), None, "{format}");
        }
    }
}
