//! Wizards as others use them: definitions read, sessions walked, plans made.

#[cfg(test)]
mod definition;
#[cfg(test)]
mod expression;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod session;
