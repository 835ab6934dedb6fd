/** Finds native libraries; the generated bindings live in packages of their own. */
@NullMarked
package org.gatun.bindings;

import org.jspecify.annotations.NullMarked;
