//! TypeScript without its types: what is left is printed anew, with a map back.

use std::path::Path;

use oxc::allocator::Allocator;
use oxc::ast::ast::Program;
use oxc::codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc::semantic::Scoping;
use oxc::transformer::{TransformOptions, Transformer};

use super::mapping::{Mapping, Segment};
use super::parse::{Reading, SyntaxError};

/// Takes the types out of a program and prints it. Enumerations, namespaces and parameter
/// properties become the JavaScript they stand for; imports used only as types are gone.
pub(super) fn strip<'a>(
    reading: &Reading<'_>,
    allocator: &'a Allocator,
    program: &mut Program<'a>,
    scoping: Scoping,
) -> Result<(String, Mapping), SyntaxError> {
    // No targets: what the engine speaks is left as it is.
    let options = TransformOptions::default();
    let path = Path::new(&**reading.file);
    let done = Transformer::new(allocator, path, &options).build_with_scoping(scoping, program);
    reading.sound(&done.diagnostics)?;
    let options = CodegenOptions {
        source_map_path: Some(path.to_owned()),
        comments: CommentOptions::disabled(),
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(program);
    let segments = printed.map.iter().flat_map(|map| map.get_tokens()).map(|token| Segment {
        line: token.get_dst_line(),
        column: token.get_dst_col(),
        origin: Some((0, token.get_src_line(), token.get_src_col())),
    });
    let mapping = Mapping::printed(reading.file.clone(), segments.collect());
    Ok((printed.code, mapping))
}
