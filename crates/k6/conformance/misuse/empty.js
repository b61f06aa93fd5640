// Shows a script with nothing in it.
// compare: exit
