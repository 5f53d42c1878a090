/*
 * A kernel module without code: an ELF object with the section that modinfo and
 * depmod read. NAME and VERMAGIC come from the compiler's command line.
 */
#define INFO(tag, value) \
	static const char info_##tag[] \
	__attribute__((section(".modinfo"), used, aligned(1))) = #tag "=" value

INFO(name, NAME);
INFO(description, "stand-in for a rehearsal");
INFO(license, "CDDL");
INFO(vermagic, VERMAGIC);
