/** Programs that use Gatun as a library. */
module org.gatun.examples {
  requires org.gatun.runtime;

  exports examples;
}
