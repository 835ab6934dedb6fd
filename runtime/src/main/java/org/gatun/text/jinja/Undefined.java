package org.gatun.text.jinja;

/** The value of what is not there: empty text, false, no items. */
record Undefined(String name) {}
