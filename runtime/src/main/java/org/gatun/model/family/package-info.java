/** One small file per model family. */
@NullMarked
package org.gatun.model.family;

import org.jspecify.annotations.NullMarked;
