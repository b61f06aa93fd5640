//! A stack deep enough for what a text can nest: parsers of JavaScript recurse.

use std::thread::Builder;

/// The most stack one level of nesting took, in bytes. A byte of text opens at most one level.
const LEVEL: usize = 8 * 1024;

/// The least and the most stack asked for. Only what is touched takes memory.
const LEAST: usize = 4 << 20;
const MOST: usize = 1 << 30;

/// Runs `read` on a thread whose stack holds whatever `text` can nest, or says why it cannot be.
pub(super) fn with_depth_for<T: Send>(
    text: &str,
    read: impl FnOnce() -> T + Send,
) -> Result<T, &'static str> {
    let size = text.len().saturating_mul(LEVEL).clamp(LEAST, MOST);
    if nesting(text) > size / LEVEL {
        return Err("it is nested too deeply");
    }
    std::thread::scope(|scope| {
        let thread = Builder::new().name("script source".into()).stack_size(size);
        let Ok(running) = thread.spawn_scoped(scope, read) else {
            return Err("no memory is left for the stack that reading it needs");
        };
        running.join().map_err(|_| "the parser failed on it")
    })
}

/// How deep a text may nest at most, roughly: brackets that are open at once, or operators in a
/// row without a `;`, `,` or bracket between. What stands in strings and comments counts too, so
/// it is only asked of texts so large that the stack does not hold a level for each byte.
fn nesting(text: &str) -> usize {
    if text.len() <= MOST / LEVEL {
        return 0;
    }
    let (mut open, mut deepest, mut row, mut longest) = (0usize, 0, 0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            b';' | b',' | b'"' | b'\'' | b'`' => row = 0,
            b'+' | b'-' | b'!' | b'~' | b'*' | b'?' | b'=' | b'&' | b'|' | b'^' | b'<' | b'>'
            | b'%' => {
                row += 1;
                longest = longest.max(row);
            }
            _ => {}
        }
    }
    deepest + longest
}
