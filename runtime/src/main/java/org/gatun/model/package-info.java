/** Model files, and the families that turn one into a graph. */
@NullMarked
package org.gatun.model;

import org.jspecify.annotations.NullMarked;
