//! CommonJS modules: the function around them, and the names one can see they export.

use oxc::ast::ast::{
    Argument, AssignmentExpression, CallExpression, Expression, ObjectExpression,
    ObjectPropertyKind, PropertyKey,
};
use oxc::semantic::{IsGlobalReference, Scoping};

use super::exports::Exports;

/// What stands before the code of a CommonJS module, on its first line.
pub(super) const OPENING: &str = "(function (exports, require, module, __filename, __dirname) {";

/// The code of a CommonJS module as an expression: a function. Lines keep their numbers.
pub(super) fn wrapped(code: &str) -> String {
    // The code may end in a comment, and `#!` is one only at the start of a file.
    let (start, rest) = match code.strip_prefix("#!") {
        Some(rest) => ("//", rest),
        None => ("", code),
    };
    format!("{OPENING}{start}{rest}\n}})")
}

/// Adds what an assignment exports: `exports.x = …`, `module.exports.x = …`,
/// `module.exports = {…}`.
pub(super) fn assigned(exports: &mut Exports, it: &AssignmentExpression<'_>, scoping: &Scoping) {
    let Some(member) = it.left.as_member_expression() else { return };
    if member.is_specific_member_access("module", "exports") && global(member.object(), scoping) {
        replaced(exports, &it.right);
    } else if is_exports(member.object(), scoping) {
        match member.static_property_name() {
            Some(name) => exports.add(name),
            None => exports.open = true,
        }
    }
}

/// Adds what a call exports: `Object.defineProperty(exports, "x", …)` and the functions with which
/// compilers hand on everything of another module.
pub(super) fn called(exports: &mut Exports, it: &CallExpression<'_>, scoping: &Scoping) {
    let argument = |index: usize| it.arguments.get(index).and_then(Argument::as_expression);
    let callee = it.callee.without_parentheses();
    if let Some(member) = callee.as_member_expression()
        && member.is_specific_member_access("Object", "defineProperty")
        && argument(0).is_some_and(|target| is_exports(target, scoping))
    {
        match argument(1) {
            Some(Expression::StringLiteral(name)) => exports.add(&name.value),
            _ => exports.open = true,
        }
    }
    let hands_on = |name: &str| matches!(name, "__exportStar" | "__export" | "__reExport");
    let name = match callee {
        Expression::Identifier(name) => Some(name.name.as_str()),
        member => member.as_member_expression().and_then(|member| member.static_property_name()),
    };
    if name.is_some_and(hands_on) {
        let required = it.arguments.iter().filter_map(Argument::as_expression).find_map(required);
        match required {
            Some(specifier) => exports.all_of.push(specifier),
            None => exports.open = true,
        }
    }
}

/// `module.exports = …`: an object's names, those of a required module, or unknown ones.
fn replaced(exports: &mut Exports, right: &Expression<'_>) {
    match right.without_parentheses() {
        Expression::ObjectExpression(object) => of_object(exports, object),
        // `module.exports = exports = …`
        Expression::AssignmentExpression(inner) => replaced(exports, &inner.right),
        right => match required(right) {
            Some(specifier) => exports.all_of.push(specifier),
            None => {
                exports.open = !matches!(
                    right,
                    Expression::FunctionExpression(_)
                        | Expression::ArrowFunctionExpression(_)
                        | Expression::ClassExpression(_)
                )
            }
        },
    }
}

fn of_object(exports: &mut Exports, object: &ObjectExpression<'_>) {
    for property in &object.properties {
        match property {
            ObjectPropertyKind::ObjectProperty(property) if !property.computed => {
                match &property.key {
                    PropertyKey::StaticIdentifier(name) => exports.add(&name.name),
                    PropertyKey::StringLiteral(name) => exports.add(&name.value),
                    _ => {}
                }
            }
            // `...require("./other")`
            ObjectPropertyKind::SpreadProperty(spread) => match required(&spread.argument) {
                Some(specifier) => exports.all_of.push(specifier),
                None => exports.open = true,
            },
            ObjectPropertyKind::ObjectProperty(_) => exports.open = true,
        }
    }
}

/// The specifier of `require("…")`.
fn required(expression: &Expression<'_>) -> Option<String> {
    match expression.without_parentheses() {
        Expression::CallExpression(call) => {
            call.common_js_require().map(|literal| literal.value.to_string())
        }
        _ => None,
    }
}

/// Whether an expression is the module's own `exports` or `module.exports`.
fn is_exports(expression: &Expression<'_>, scoping: &Scoping) -> bool {
    match expression.without_parentheses() {
        Expression::Identifier(name) => name.name == "exports" && name.is_global_reference(scoping),
        other => other.as_member_expression().is_some_and(|member| {
            member.is_specific_member_access("module", "exports")
                && global(member.object(), scoping)
        }),
    }
}

fn global(expression: &Expression<'_>, scoping: &Scoping) -> bool {
    matches!(expression, Expression::Identifier(name) if name.is_global_reference(scoping))
}
