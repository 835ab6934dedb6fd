/** The {@code gatun} command. */
@NullMarked
package org.gatun.cli;

import org.jspecify.annotations.NullMarked;
