/** Groups of ranks and the collectives between them. */
package org.gatun.parallel;
